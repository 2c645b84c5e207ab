"""Whether pools are apart, and whether anything but the scan tells the answer."""
