"""The report after a training: metrics, tables, figures."""
