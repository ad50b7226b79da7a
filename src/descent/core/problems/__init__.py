"""What is minimised: modules whose forward takes a minibatch and gives a scalar loss."""
