"""What people and dvc.yaml call: each module is one command, `descent COMMAND`."""
