"""How fast is srcgrad? `suite.py` measures it against functions, hands and rivals."""
