"""The exact checker: promises and comparisons of prices, proved or refuted for every usage.

There is no solver and no sampling here: a total is brought to straight pieces of the quantities that it depends on, and
those are compared at the plan's own breakpoints, in fractions.
"""
