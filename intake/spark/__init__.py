"""The columnar evaluator on a Spark cluster. PySpark and PyArrow are imported here only, when they are used."""
