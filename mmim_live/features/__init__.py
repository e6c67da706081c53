"""Media -> rows and words: face, voice and speech, and the feature contract. No threads, no model of sentiment."""
