"""How good verdicts are: files of them, held against what the transactions turned out to be, with intervals."""
