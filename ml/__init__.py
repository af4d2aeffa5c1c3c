"""Text and numbers in, scores out. Pure; numpy and scikit-learn are imported lazily."""
