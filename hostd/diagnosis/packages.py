"""Which package an import comes from, where the two have different names."""

from __future__ import annotations

PACKAGES = {
    "attr": "attrs",
    "azure.identity": "azure-identity",
    "azure.storage.blob": "azure-storage-blob",
    "bs4": "beautifulsoup4",
    "Bio": "biopython",
    "community": "python-louvain",
    "cpuinfo": "py-cpuinfo",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "discord": "discord.py",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "duckduckgo_search": "duckduckgo-search",
    "exifread": "ExifRead",
    "faiss": "faiss-cpu",
    "fitz": "pymupdf",
    "github": "PyGithub",
    "git": "GitPython",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.firestore": "google-cloud-firestore",
    "google.cloud.storage": "google-cloud-storage",
    "google.generativeai": "google-generativeai",
    "google.genai": "google-genai",
    "google.oauth2": "google-auth",
    "google.protobuf": "protobuf",
    "googleapiclient": "google-api-python-client",
    "imblearn": "imbalanced-learn",
    "IPython": "ipython",
    "jwt": "PyJWT",
    "kafka": "kafka-python",
    "Levenshtein": "levenshtein",
    "magic": "python-magic",
    "mpl_toolkits": "matplotlib",
    "mysql.connector": "mysql-connector-python",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "pkg_resources": "setuptools<81",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "pydub": "pydub",
    "pymysql": "PyMySQL",
    "pytesseract": "pytesseract",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "snowflake.connector": "snowflake-connector-python",
    "snowflake.snowpark": "snowflake-snowpark-python",
    "socks": "PySocks",
    "speech_recognition": "SpeechRecognition",
    "st_aggrid": "streamlit-aggrid",
    "streamlit_option_menu": "streamlit-option-menu",
    "talib": "TA-Lib",
    "telegram": "python-telegram-bot",
    "tensorflow_hub": "tensorflow-hub",
    "umap": "umap-learn",
    "usb": "pyusb",
    "websocket": "websocket-client",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}

_OWN = frozenset(
    (
        *(
            "app",
            "common",
            "components",
            "config",
            "constants",
            "core",
            "data",
            "database",
            "db",
            "functions",
        ),
        *("helper", "helpers", "lib", "models", "modules", "pages", "scripts", "settings", "src", "tools"),
        *("ui", "util", "utils", "views"),
    )
)
"""Names of the app's own modules more often than of a package."""


def package_of(module: str) -> str | None:
    """The package that likely brings ``module``; None when it is likelier a file of the app's own."""
    parts = module.split(".")
    for count in range(len(parts), 0, -1):
        if found := PACKAGES.get(".".join(parts[:count])):
            return found
    return None if parts[0] in _OWN or len(parts) > 1 else module.replace("_", "-")
