"""What is known of cameras before a reconstruction, and the files that hold cameras."""
