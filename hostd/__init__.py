"""hostd: the place inside a company where a Streamlit app goes to live."""

__version__ = "0.1.0"
