"""`drsn-train baseline`: a health baseline from recordings of a healthy machine."""
