"""What the commands of a machine print, as facts: one file a subject, one file a family of systems.

Pure: text in, facts out. Whatever a machine prints, a parser takes the lines it understands, at most
`text.MAX_LINES` of a part, and leaves out the others; it raises only where nothing fits at all.
"""
