print("no app")
