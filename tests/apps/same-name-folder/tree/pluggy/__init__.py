__version__ = "0, the folder's"
