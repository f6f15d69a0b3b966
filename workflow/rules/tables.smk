"""tables: everything that was found, as files to build on.

in   the records of every stage
out  tables/*.csv and .json
"""


rule tables:
    input:
        define=collect("<results>/define/{model}/record.json", model=settings.models),
        export=collect_sweeps("<results>/export/{model}/{exporter}/record.json"),
        timing=collect_sweeps("<results>/export/{model}/{exporter}/timing.json"),
        dump=collect("<results>/dump/{model}/record.json", model=settings.models),
        graphs=ancient(collect("<results>/dump/{model}/graphs", model=settings.models)),
        compare=collect("<results>/compare/{model}/record.json", model=settings.models),
        located=collect("<results>/locate/{model}/record.json", model=settings.models),
        audit=audit_records(),
        verdicts="<results>/judge/verdicts.json",
    output:
        csv=[
            report(
                f"<results>/tables/{table}.csv",
                category="Tables",
                labels={"table": table},
                caption="../captions/tables.rst",
            )
            for table in table_names()
        ],
        json=collect("<results>/tables/{table}.json", table=table_names()),
    log:
        "<logs>/tables.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=code("tables"),
        spec=report_spec(),
        run=RUN,
        results=subpath(input.verdicts, ancestor=2),
        folder=tables_folder,
    shell:
        "python -m opset_atlas --log {log} tables --spec @{params.run} --results {params.results}"
        " --output {params.folder}"
