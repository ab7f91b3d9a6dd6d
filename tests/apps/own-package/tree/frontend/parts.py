BEGIN = "The answer is"
