import iniconfig

NAME = f"Brass band with {iniconfig.__name__}"
