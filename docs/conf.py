"""How `make docs` builds these pages; a warning is an error."""

from tskd_mm import __version__

project = 'tskd_mm'
author = 'the tskd_mm authors'
project_copyright = author
release = __version__

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
exclude_patterns = ['_build']
html_theme = 'furo'
html_title = f'tskd_mm {release}'

myst_enable_extensions = ['dollarmath']
myst_heading_anchors = 3  # links to headings work as they do on GitHub

autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
autodoc_typehints_format = 'short'
napoleon_use_ivar = True  # attributes in a list, without entries of their own

# References inside the package must resolve; those to other packages are only named.
nitpicky = True
nitpick_ignore_regex = [('py:.*', r'(?!tskd_mm\.).*')]
