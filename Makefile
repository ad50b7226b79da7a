# make        set up and run the main job: data, training, pictures, MLflow
#             with IMAGES=digits or IMAGES=fashion_mnist on these images instead of MNIST, until IMAGES=mnist goes back
# make test   set up and run the tests
# make lint   set up and run ruff and mypy
# make audit  set up and ask for known vulnerabilities of the tested versions; needs PyPI's or OSV's API
# make hashes  write requirements.txt anew, after constraints.txt or a dependency in pyproject.toml has changed
# make bench  set up, run the main job and measure Descent against others, in some half an hour
# make mutants  set up and count what the tests notice of 400 faults put into the code, one at a time, in some 30 minutes
# make faults  set up and try faults in every call that changes a file, which takes hours
# make ui     the MLflow UI on the runs so far
# make notebook  open the notebooks in JupyterLab
# make clean  remove everything that these and training made, the runs and the MLflow store included
PYTHON ?= python3
PORT ?= 5000
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
READY := .venv/ready

.PHONY: all test bench mutants faults lint audit hashes ui notebook clean

all: $(READY)
	$(if $(IMAGES),echo 'images: $(IMAGES)' > conf/main_job.yaml)
	dvc repro
	@echo
	@echo "Pictures of the descents: runs/*/views/descent.png, and players: runs/*/views/descent.html"
	@echo "All runs side by side:    make ui, which says the addresses to open"

$(READY): pyproject.toml requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Descent needs Python 3.11 or newer; name one: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --disable-pip-version-check --require-hashes --requirement requirements.txt
	.venv/bin/pip install --disable-pip-version-check --no-index --no-build-isolation --editable '.[dev]'
	@touch $@

# A process a core, a thread each: threads of several processes would wait for each other. Files in their order, since
# otherwise those with few tests come last, which take longest.
test: $(READY)
	OMP_NUM_THREADS=1 pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

bench: all
	python -m benchmarks

mutants: $(READY)
	OMP_NUM_THREADS=1 python -m mutants

faults: $(READY)
	PYTHONPATH=tests python -m fault_injection

lint: $(READY)
	ruff check .
	ruff format --check .
	mypy

# pip-audit passes what its service does not know, and without --strict a service out of reach finds nothing wrong.
audit: $(READY)
	@said=$$(pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement requirements.txt 2>&1); \
	status=$$?; \
	case "$$said" in \
	    *"known vulnerabilit"*) echo "$$said" ;; \
	    *) echo "$$said" | tail -n 1; echo "make audit: not every package could be looked up, so that nothing is known of" \
	        "vulnerabilities; run it where PyPI's API can be reached, or with PIP_AUDIT_VULNERABILITY_SERVICE=osv OSV's" ;; \
	esac >&2; \
	exit $$status

# For all systems and all Python versions; not after $(READY), which would install the earlier requirements.txt.
hashes:
	uv pip compile --quiet --no-python-downloads --universal --python-version 3.11.5 --extra dev --constraint constraints.txt \
		--upgrade --generate-hashes --no-annotate --custom-compile-command 'make hashes' --output-file requirements.txt pyproject.toml

ui: $(READY)
	descent ui --port $(PORT)

notebook: $(READY)
	jupyter lab notebooks

clean:
	rm -rf .venv runs sweeps suites comparisons configs seeds gradients lesson reports notebooks/my_project mlflow.db mlflow.db.lock mlartifacts data/digits data/fashion_mnist data/mnist data/noisy_polynomial/points.* \
		dvc_plots .dvc/cache .dvc/tmp .mypy_cache .mutants .pytest_cache .ruff_cache src/*.egg-info
