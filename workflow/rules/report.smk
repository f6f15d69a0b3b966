"""report: everything that was found, as pages to read.

in   the tables, and the records of every stage
out  report/, a folder that is whole: index.html, a page per model, pair and operator, and the files
     that they link to; cards/, a model's page that stands alone
"""


rule report:
    input:
        templates=report_templates(),
        tables=collect("<results>/tables/{table}.csv", table=table_names()),
        define=collect("<results>/define/{model}/record.json", model=settings.models),
        export=collect_sweeps("<results>/export/{model}/{exporter}/record.json"),
        dump=collect("<results>/dump/{model}/record.json", model=settings.models),
        graphs=ancient(collect("<results>/dump/{model}/graphs", model=settings.models)),
        compare=collect("<results>/compare/{model}/record.json", model=settings.models),
        located=collect("<results>/locate/{model}/record.json", model=settings.models),
        audit=audit_records(),
        verdicts="<results>/judge/verdicts.json",
    output:
        # Updated, not removed first: the old report stays whole until the new one is.
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
        mem_mb=report_memory(),
        runtime=10,
    params:
        code=code("report"),
        spec=report_spec(),
        run=RUN,
        results=subpath(input.verdicts, ancestor=2),
    shell:
        "python -m opset_atlas --log {log} report --spec @{params.run} --results {params.results}"
        " --output {output.pages} --cards {output.cards} --processes {threads}"
