"""What chance does to the figures: exact binomial bounds, correlation, change points, tests. (pure)"""
