"""Sphinx configuration: sphinx-build -n -W --keep-going docs docs/_build/html."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no messages about GPUs

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
    "sphinx_design",
]
exclude_patterns = ["_build", "examples", "**/*.ipynb"]
templates_path = ["_templates"]

html_theme = "pydata_sphinx_theme"
html_title = "sklstm"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "header_links_before_dropdown": 5,
}
# Pages without subpages do not need the navigation sidebar.
html_sidebars = {
    page: []
    for page in (
        "benchmarks/results",
        "changelog",
        "choosing_a_network",
        "common_pitfalls",
        "comparison",
        "contributing",
        "getting_started",
        "index",
    )
}
html_show_sourcelink = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # docstrings state the types
autosummary_generate = True
autosummary_context = {
    # Methods that every scikit-learn estimator has.
    "hidden_methods": ["get_metadata_routing", "get_params", "set_params"],
    "shown_properties": ["network_", "vocabulary_", "score", "decision"],
    # Inherited members of these modules are documented by sktime and scikeras.
    "thin_modules": ["sklstm.sktime", "sklstm.keras"],
    # And those of these classes, by scikit-learn.
    "thin_classes": ["ForecastPipeline"],
}
default_role = "autolink"  # `name` in a docstring links to that object, if it exists

numpydoc_show_class_members = False  # the autosummary template lists the methods
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "subsection_order": [
        f"examples/{task}"
        for task in (
            "forecasting",
            "sequences",
            "texts",
            "anomalies",
            "explanations",
            "practice",
        )
    ],
    "filename_pattern": r"plot_",
    "ignore_pattern": r"record_|__init__",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "copyfile_regex": r".*\.csv\.gz|.*\.txt\.gz",
}

# References to other projects are not resolved: that would download their inventories
# at each build.
nitpick_ignore_regex = [
    ("py:.*", r"(joblib|keras|matplotlib|numpy|pandas|scikeras|sklearn|sktime)\..*"),
    # References to scikit-learn's user guide, in docstrings inherited from it.
    (
        "std:.*",
        r"(accuracy|r2)_score|df_output_transform|sphx_glr_auto_.*",
    ),
]
