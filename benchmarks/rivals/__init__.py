"""The same programs in the words of other frameworks, where they have words for them.

A text computes what the program computes by the same method, in the framework's idiom:
a loop over independent elements or a product of matrices is written as such, a
recurrence as a scan. No text calls a factorisation or a solver: the programs do not.
"""
