"""What users pass: checks by kind of data, panels, time index, labels, scaling."""
