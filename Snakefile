"""The workflow is in workflow/Snakefile, where catalogs of workflows and `module` look for it."""


include: "workflow/Snakefile"


# Snakemake forgets the default target of an included file.
workflow.default_target = "all"
