"""Python to IR: what is accepted, made regular, resolved, typed and built.

A function travels through the files of this folder in this order: `accepted` reports
all syntax outside the language, `normalize` removes what is only another spelling
(jumps), and the rest walks the regular tree once and builds the IR.
"""
