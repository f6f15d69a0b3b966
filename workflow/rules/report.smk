"""report: all findings, as pages to read.

in   the tables, and the records of every stage
out  report/, a self-contained folder: index.html, a page per model, pair and operator, and the files
     that they link to; cards/, a self-contained page per model
"""


rule report:
    input:
        templates=report_templates(),
        tables=collect("<results>/tables/{table}.csv", table=jobs.tables()),
        define=jobs.per_model("<results>/define/{model}/record.json"),
        export=jobs.per_sweep("record.json"),
        dump=jobs.per_model("<results>/dump/{model}/record.json"),
        graphs=ancient(jobs.per_model("<results>/dump/{model}/graphs")),
        compare=jobs.per_model("<results>/compare/{model}/record.json"),
        located=jobs.per_model("<results>/locate/{model}/record.json"),
        audit=jobs.audits(),
        verdicts="<results>/judge/verdicts.json",
    output:
        # Updated, not removed first: the old report stays complete until the new one is.
        pages=report(
            update(directory("<results>/report")),
            htmlindex="index.html",
            category="Report",
            caption="../captions/report.rst",
        ),
        cards=report(
            update(directory("<results>/cards")),
            patterns=["{model}.html"],
            category="Models",
            labels={"model": "{model}"},
            caption="../captions/card.rst",
        ),
    log:
        "<logs>/report.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 4
    resources:
        mem_mb=jobs.memory_of_report(),
        runtime=10,
    params:
        code=of_spec.code("report"),
        spec=report_spec(),
        run=RUN,
        results=subpath(input.verdicts, ancestor=2),
        kept=PAGES,
    shell:
        "python -m opset_atlas --log {log} report --spec @{params.run} --results {params.results}"
        " --output {output.pages} --cards {output.cards} --kept {params.kept}"
        " --processes {threads}"
