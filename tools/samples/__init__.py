"""The drawing of the sample pictures, by code alone; the package ships them, and writes them for its users."""
