"""The columnar evaluator on a Spark cluster. PySpark and PyArrow are imported here only, and only when they are used."""
