"""Jobs that failed are named with their logs, though Snakemake was asked to be quiet."""

import io
import logging

from lstm_units.runtime.failed_jobs import FailedJobs, describe


def test_a_failed_job_is_worded_with_the_logs_that_exist(tmp_path):
    own, cluster = tmp_path / "logs (old)" / "ablate.log", tmp_path / "slurm" / "rule_a" / "7_3.log"
    for path in (own, cluster):
        path.parent.mkdir(parents=True)
        path.touch()
    failed = {
        "rule_name": "ablate_units",
        "output": ["a/units_1.parquet", "a/units_2.parquet (retrieve from storage)"],
        "log": [
            f"{own} (check log file(s) for error details)",
            str(cluster.parent / "gpt_zero" / "7_3.log"),  # where the plugin does not write it
            str(tmp_path / "none.log"),
            None,
        ],
        "rule_msg": "SLURM-job '7_3' failed, SLURM status is: 'TIMEOUT'. For further error details "
        "see the cluster/cloud log and the log files of the involved rule(s).",
    }
    assert describe(failed).splitlines() == [
        "failed: ablate_units, which makes a/units_1.parquet, a/units_2.parquet. "
        "SLURM-job '7_3' failed, SLURM status is: 'TIMEOUT'.",
        f"    {own}",
        f"    {cluster}",
    ]
    plain = {"rule_name": "decode", "output": ["x"], "log": [], "rule_msg": None}
    assert describe(plain) == "failed: decode, which makes x"


def test_only_failures_are_printed():
    stream = io.StringIO()
    logger = logging.getLogger("of_this_test")
    logger.addHandler(FailedJobs("job_error", stream))
    logger.error("no event")
    logger.error("other", extra={"event": "job_finished", "rule_name": "decode", "output": ["x"]})
    assert stream.getvalue() == ""
    logger.error("one", extra={"event": "job_error", "rule_name": "decode", "output": ["x"]})
    assert stream.getvalue() == "failed: decode, which makes x\n"
