"""The solver: construct, improve, price and pack. PyVRP and HiGHS are used here and nowhere else."""
