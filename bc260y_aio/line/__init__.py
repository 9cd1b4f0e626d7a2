"""The dialogue on one serial port: the turns of the callers, their answers, and the recovery of the line."""
