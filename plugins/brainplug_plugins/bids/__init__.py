"""What the loader of BIDS folders is made of."""
