"""The small models of this project: their data, their trainer, and teaching them another database."""
