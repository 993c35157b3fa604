"""What is judged, by which bands, and how often that errs."""
