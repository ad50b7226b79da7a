"""What `import descent` gives to notebooks and scripts; whatever takes long to import is imported by the calls."""
