"""Outliers for depth that span the dependency of subject and verb (Figure 3)."""
