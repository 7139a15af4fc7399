"""The published evaluation protocols, on the data sets' own folders: readers, what is measured, and the tables."""
