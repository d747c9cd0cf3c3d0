"""A SLURM of one node on this machine, for tests: set up, used, and torn down without a trace.

By hand, as root in a container or a virtual machine:

    python tests/support/single_node_slurm.py up /tmp/slurm
    snakemake --workflow-profile profiles/slurm --slurm-status-command squeue
    python tests/support/single_node_slurm.py down /tmp/slurm

It wants Debian's packages slurm-wlm and munge, and starts its own munged, slurmctld and slurmd on
the loopback address. It refuses where /etc/slurm/slurm.conf exists: that is somebody's cluster.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

# Jobs find the configuration here and nowhere else: the SLURM plugin clears SLURM_CONF for them.
CONFIGURATION = Path("/etc/slurm")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


class NoSlurm(RuntimeError):
    """A SLURM cannot be set up here; the message says why."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class SingleNodeSlurm:
    """A cluster of one node that claims more processors than the machine may have.

    Parameters
    ----------
    folder : Path
        For its state and logs.
    cpus, memory_mb, gpus : int
        What the node says it has. The GPUs are device files without a device.
    """

    folder: Path
    cpus: int = 16
    memory_mb: int = 60_000
    gpus: int = 2

    @property
    def node(self) -> str:
        return socket.gethostname().split(".")[0]

    def start(self) -> None:
        """Start the daemons and wait until the node takes jobs."""
        why = reason_against()
        if why:
            raise NoSlurm(why)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("state", "spool", "log", "run"):
            (self.folder / name).mkdir()
        self._write_configuration()
        try:
            self._start_munged()
            self._run("slurmctld", "-c")
            self.return_node()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Cancel the jobs, end the daemons and remove what was written."""
        if self._processes("slurmctld"):
            self._run("scancel", "--quiet", f"--nodelist={self.node}", check=False)
            self._run("scancel", "--quiet", "--state=PENDING", check=False)
        self.lose_node()
        for name in ("slurmctld", "munged"):
            processes = self._processes(name)
            for process in processes:
                process.terminate()
            for process in psutil.wait_procs(processes, timeout=10)[1]:
                process.kill()
        for path in self._configuration():
            path.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def lose_node(self) -> None:
        """Kill the node's daemon and all that runs under it, as if the power had gone."""
        for daemon in self._processes("slurmd"):
            doomed = [daemon, *daemon.children(recursive=True)]
            # A step has its own daemon, whose parent is gone.
            for process in psutil.process_iter(["name"]):
                if process.info["name"] == "slurmstepd" and self._is_ours(process):
                    doomed += [process, *process.children(recursive=True)]
            for process in doomed:
                if process.is_running():
                    process.kill()
            psutil.wait_procs(doomed, timeout=10)

    def return_node(self) -> None:
        """Start the node's daemon, and wait until the node takes jobs."""
        self._run("slurmd")
        self.wait_for_node("idle", "mixed", "allocated")

    def wait_for_node(self, *states: str, timeout: float = 60) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            state = self._run("sinfo", "--noheader", "--format=%T", check=False).stdout.strip()
            if state in states:
                return
            time.sleep(0.5)
        raise NoSlurm(f"the node is {state}, not {' or '.join(states)}; {self.logs()}")

    def jobs(self, state: str = "RUNNING") -> list[str]:
        """Numbers of the jobs in a state, tasks of arrays one by one."""
        listed = self._run(
            "squeue", "--noheader", "--array", f"--states={state}", "--format=%i"
        ).stdout
        return listed.split()

    def cancel(self, job: str) -> None:
        self._run("scancel", job)

    def logs(self) -> str:
        """The ends of the daemons' logs."""
        texts = [
            f"{path.name}:\n" + "\n".join(path.read_text(errors="replace").splitlines()[-15:])
            for path in sorted((self.folder / "log").glob("*.log"))
        ]
        return "\n\n".join(texts)

    def _configuration(self) -> list[Path]:
        return [CONFIGURATION / "slurm.conf", CONFIGURATION / "gres.conf"]

    def _write_configuration(self) -> None:
        devices = []
        for number in range(self.gpus):
            device = self.folder / f"gpu{number}"
            os.mknod(device, 0o20666, os.makedev(1, 3))
            devices.append(f"NodeName={self.node} Name=gpu File={device}")
        CONFIGURATION.mkdir(exist_ok=True)
        slurm, gres = self._configuration()
        slurm.write_text(
            f"""ClusterName=lstmunits
SlurmctldHost={self.node}(127.0.0.1)
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={self.folder}/run/munge.socket
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool
SlurmctldPidFile={self.folder}/run/slurmctld.pid
SlurmdPidFile={self.folder}/run/slurmd.pid
SlurmctldLogFile={self.folder}/log/slurmctld.log
SlurmdLogFile={self.folder}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
ReturnToService=2
SlurmdTimeout=10
KillWait=2
MinJobAge=600
SchedulerParameters=sched_interval=1,bf_interval=1
GresTypes=gpu
NodeName={self.node} NodeAddr=127.0.0.1 CPUs={self.cpus} RealMemory={self.memory_mb} \\
  Gres=gpu:{self.gpus} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
        )
        gres.write_text("\n".join(devices) + "\n")

    def _start_munged(self) -> None:
        run, log = self.folder / "run", self.folder / "log"
        key = run / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(1024))
        self._run(
            *("munged", "--force", f"--key-file={key}", f"--socket={run}/munge.socket"),
            *(f"--pid-file={run}/munged.pid", f"--seed-file={run}/munged.seed"),
            f"--log-file={log}/munged.log",
        )

    def _processes(self, name: str) -> list[psutil.Process]:
        """Our daemon of a name, if it runs: that of the number it wrote down."""
        try:
            process = psutil.Process(int((self.folder / "run" / f"{name}.pid").read_text()))
            return [process] if process.name() == name else []
        except (OSError, ValueError, psutil.Error):
            return []

    def _is_ours(self, process: psutil.Process) -> bool:
        """Whether a step's daemon writes to our log: there may be another SLURM's."""
        try:
            return any(Path(file.path).is_relative_to(self.folder) for file in process.open_files())
        except psutil.Error:
            return False

    def _run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
        done = subprocess.run(
            command,
            env={**environment, "PATH": PATH},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        if check and done.returncode != 0:
            raise NoSlurm(f"{command[0]} failed: {done.stdout}{done.stderr}\n{self.logs()}")
        return done


def reason_against() -> str | None:
    """Why no SLURM can be set up here; None where it can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if missing:
        return f"{', '.join(missing)} not found (Debian's packages slurm-wlm and munge)"
    if os.geteuid() != 0:
        return "only root can start the daemons"
    if (CONFIGURATION / "slurm.conf").exists():
        return f"{CONFIGURATION}/slurm.conf exists: this machine belongs to a cluster"
    return None


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    action, place = sys.argv[1:]
    slurm = SingleNodeSlurm(Path(place))
    slurm.start() if action == "up" else slurm.stop()
