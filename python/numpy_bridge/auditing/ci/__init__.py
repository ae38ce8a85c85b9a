"""Audits in continuous integration: earlier runs to compare with, and the forms that services read."""
