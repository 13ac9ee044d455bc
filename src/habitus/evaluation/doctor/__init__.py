"""The data doctor: what in a data set makes results on it look better, or worse, than they are.

`habitus.evaluation.doctor.registry` lists the checks; each is a function of `Examined` in the file
of its subject. `habitus.evaluation.doctor.checkup` runs them.
"""
