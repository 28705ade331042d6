"""The documentation: sphinx-build -n -W --keep-going docs docs/_build/html."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no remarks on missing GPUs

import sklstm

project = "sklstm"
author = "The sklstm developers"
copyright = author
version = release = sklstm.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "myst_parser",
]
exclude_patterns = ["_build", "examples", "**/*.ipynb"]
templates_path = ["_templates"]

html_theme = "pydata_sphinx_theme"
html_title = "sklstm"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 5,
}
# Pages without others below them need no list of those.
html_sidebars = {
    page: []
    for page in (
        "benchmarks/results",
        "changelog",
        "comparison",
        "contributing",
        "design",
        "getting_started",
        "index",
        "mistakes",
        "which_network",
    )
}
html_show_sourcelink = False

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # the docstrings tell the types
autosummary_generate = True
autosummary_context = {
    # Every estimator of scikit-learn has these.
    "hidden_methods": ["get_metadata_routing", "get_params", "set_params"],
    "shown_properties": ["network_", "vocabulary_", "score", "decision"],
    # What is inherited there is sktime's or scikeras', and documented by them.
    "thin_modules": ["sklstm.sktime", "sklstm.keras"],
}
default_role = "autolink"  # `name` in a docstring is a link where there is such a name

numpydoc_show_class_members = False  # the template lists methods
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "subsection_order": [
        f"examples/{task}"
        for task in ("forecasting", "sequences", "texts", "anomalies", "practice")
    ],
    "filename_pattern": r"plot_",
    "ignore_pattern": r"record_|__init__",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "copyfile_regex": r".*\.csv\.gz|.*\.txt\.gz",
}

# References to other projects' objects are not resolved, because that would load their
# inventories from the network at each build.
nitpick_ignore_regex = [
    ("py:.*", r"(joblib|keras|matplotlib|numpy|pandas|scikeras|sklearn|sktime)\..*"),
    # What docstrings inherited from scikit-learn refer to in its own user guide.
    (
        "std:.*",
        r"(accuracy|r2)_score|df_output_transform|sphx_glr_auto_.*",
    ),
]
