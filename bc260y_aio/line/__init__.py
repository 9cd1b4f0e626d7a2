"""The dialogue on one serial port: who may send a command, who gets which answer, and how the line recovers."""
