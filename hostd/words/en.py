"""Every failure in English: code, then (cause, what to do)."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    # Of an install.
    "package_unknown": (
        "There is no package named {package}.",
        "Check its spelling in the requirements; if it is a private one, the platform needs the index that"
        " has it.",
    ),
    "version_unknown": (
        "There is no version of {package} that fits {wanted}.",
        "Ask for a version that exists, or for none.",
    ),
    "version_too_new": (
        "There was no version of {package} that fits {wanted} on the date that was asked for.",
        "Ask for an older version, for a later date, or for no date.",
    ),
    "python_unfit": (
        "{package} needs Python {wanted}, and the app has {python}.",
        "Choose another Python for the app, or a version of {package} that fits.",
    ),
    "source_only": (
        "{package} is not there as a wheel that fits, and packages are not built from source here.",
        "Choose another version of {package} or another Python; or let this app build from source: "
        "'Build packages from source' in the console's options, build_from_source=1 in the API.",
    ),
    "no_build_fits": (
        "{package} has no build for this Python or this kind of machine.",
        "Choose another Python for the app, or another version of {package}.",
    ),
    "conflict_needs": (
        "The requirements exclude each other: {first} needs {needs}, and {second} is asked for too.",
        "Loosen one of the two.",
    ),
    "package_confused": (
        "{package} is not the package that is meant, which is {better}.",
        "Write {better} in the requirements.",
    ),
    "conflict": (
        "The requirements exclude each other: {first} and {second}.",
        "Loosen one of the two.",
    ),
    "no_solution": (
        "The requirements exclude each other: {reason}",
        "Loosen the versions that are named there.",
    ),
    "needs_compiler": (
        "{package} has to be compiled, and {tool} is not there.",
        "Ask for a version of {package} that comes as a wheel for the app's Python, or have {tool} installed"
        " on the platform.",
    ),
    "needs_library": (
        "{package} has to be compiled, and {library} is not there.",
        "Use a package that comes as a wheel (such as psycopg2-binary for psycopg2), or have the development"
        " files of {library} installed on the platform.",
    ),
    "build_failed": (
        "{package} could not be built from its source: {reason}",
        "Ask for a version of {package} that comes as a wheel, or for an older Python; the log says more.",
    ),
    "some_build_failed": (
        "A package could not be built from its source: {reason}",
        "Ask for a version that comes as a wheel; if it is one of the app's own, mend its build (see log).",
    ),
    "install_timeout": (
        "The install took longer than {seconds} s.",
        "Ask for fewer or smaller packages, or raise STREAMLIT_HOST_INSTALL_TIMEOUT.",
    ),
    "disk_full": (
        "The disk of the platform is full.",
        "Free some space, then try again.",
    ),
    "python_unavailable": (
        "There is no Python {wanted} here; there is {available}.",
        "Ask for one of these, or have the other one installed on the platform.",
    ),
    "index_unreachable": (
        "The package index could not be reached: {reason}",
        "Try again; if it stays so, check the platform's network, proxy and certificates.",
    ),
    "index_refuses": (
        "The package index refused to answer: {reason}",
        "Check the name and the password for the index that the platform was given.",
    ),
    "hash_mismatch": (
        "{package} is not the file that its hash in the requirements promises.",
        "Make the hashes anew; if they are right, somebody changed the file on the index.",
    ),
    "hash_missing": (
        "{package} has no hash, and the other requirements have one.",
        "Give every package a hash, or none.",
    ),
    "git_failed": (
        "The Git repository of {package} could not be fetched: {reason}",
        "Check its address and branch, and whether the platform may read it.",
    ),
    "git_missing": (
        "{package} comes from a Git repository, and git is not there.",
        "Have git installed on the platform, or use a release of the package.",
    ),
    "requirement_invalid": (
        "A line of the requirements can't be read: {reason}",
        "Correct the line.",
    ),
    "requirement_file_missing": (
        "The requirements name {path}, which is not among the app's files.",
        "Upload that file too, or take the line out.",
    ),
    "install_out_of_memory": (
        "The install was killed, most likely because the machine had no memory left.",
        "Try again when less is going on, or give the platform more memory.",
    ),
    "install_failed": (
        "The dependencies could not be installed: {reason}",
        "The log says more.",
    ),
    # Of a start and a first page.
    "module_missing": (
        "The app imports {module}, which is not installed.",
        "Add {package} to the requirements.",
    ),
    "module_part_missing": (
        "The app imports {module}, which is neither among its files nor in the packages installed.",
        "Upload the file, or ask for the version of the package that has it.",
    ),
    "module_shadowed": (
        "The app's own file {file} hides the package {module}.",
        "Give the file another name.",
    ),
    "name_missing": (
        "{module} has no {name}.",
        "Ask in the requirements for the version of the package that the app was written for.",
    ),
    "dependencies_unfit": (
        "The installed packages do not fit each other: {type}: {message}",
        "Pin the versions that the app was written with, or give the date when it last worked (as_of).",
    ),
    "library_missing": (
        "A package needs the system library {library}, which is not there.",
        "Have it installed on the platform, or use a package without it (such as opencv-python-headless for"
        " opencv-python).",
    ),
    "secret_missing": (
        "The app reads the secret {name}, which is not set.",
        "Set it under Variables and secrets.",
    ),
    "secrets_missing": (
        "The app reads secrets, and has none.",
        "Set them under Variables and secrets.",
    ),
    "environment_missing": (
        "The app reads the environment variable {name}, which is not set.",
        "Set it under Variables and secrets.",
    ),
    "program_missing": (
        "The app runs the program {program}, which is not there.",
        "Have it installed on the platform, or do without it.",
    ),
    "file_missing": (
        "The app opens {path}, which is not among its files.",
        "Upload that file too; paths are relative to the root of what was uploaded.",
    ),
    "syntax_error": (
        "{place} is not valid Python: {message}",
        "Correct the line, or choose the Python version that the app was written for.",
    ),
    "port_unavailable": (
        "Another program took the app's port.",
        "Try again: the app gets another port.",
    ),
    "port_hard_coded": (
        "The app listens on port {port} of its own choice.",
        "Take the port out of its code and out of .streamlit/config.toml: the platform chooses it.",
    ),
    "server_inside": (
        "The app starts a server of its own.",
        "Take that out: the platform runs the app with streamlit run, at an address of its choice.",
    ),
    "address_hard_coded": (
        "The app does not listen where the platform put it.",
        "Take server settings (port, address, baseUrlPath, TLS) out of its code and .streamlit/config.toml.",
    ),
    "entry_not_python": (
        "The entry is a {suffix} file; Streamlit runs .py files.",
        "Choose another entry.",
    ),
    "entry_missing": (
        "The script to run, {entry}, is not among the app's files.",
        "Choose another entry, or upload that file.",
    ),
    "streamlit_missing": (
        "Streamlit is not among the installed packages.",
        "Add streamlit to the requirements.",
    ),
    "config_invalid": (
        "The app's .streamlit/config.toml can't be read: {reason}",
        "Correct it.",
    ),
    "out_of_memory": (
        "The app was killed (signal 9), most likely because the machine had no memory left.",
        "Load less at once, or give the platform more memory; the log may say more.",
    ),
    "crashed_raising": (
        "The app ended by {type}: {message}",
        "Its last lines show where.",
    ),
    "crashed": (
        "The app ended by itself with exit code {exit_code}.",
        "Its last lines say why.",
    ),
    "crashed_by_signal": (
        "The app was ended by {signal}: a crash in one of its compiled packages, or somebody killed it.",
        "Its last lines may say more; another version of the package may help.",
    ),
    "crashed_again": (
        "The app ended by itself, again and again.",
        "Its last lines say why.",
    ),
    "start_refused": (
        "The platform could not run the app's program.",
        "Deploy it again; if that does not help, see the platform's log.",
    ),
    "start_timeout": (
        "The app did not answer within {seconds} s.",
        "See what it does before it serves, or raise STREAMLIT_HOST_START_TIMEOUT.",
    ),
    "page_raises": (
        "The first page raises {type}: {message}",
        "Correct the app; the last lines show where.",
    ),
    "page_raises_at": (
        "The first page raises {type} in {place}: {message}",
        "Correct the app; the last lines show where.",
    ),
    "page_silent": (
        "The first page showed nothing within {seconds} s.",
        "See what the app waits for; if it needs that long, let it show something first.",
    ),
    "page_empty": (
        "The first page ended without showing anything.",
        "Check that the entry is the script that makes the page, and that it calls Streamlit.",
    ),
    "page_refused": (
        "The app answers, but no page could be opened: {reason}",
        "Its last lines may say why; it may have ended just then.",
    ),
}
