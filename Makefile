# make        set up and run the main job: data, training, pictures, MLflow
#             with IMAGES=digits or IMAGES=fashion_mnist on these images instead of MNIST, until IMAGES=mnist goes back
# make test   set up and run the tests
# make lint   set up and run ruff and mypy
# make bench  set up, run the main job and measure Descent against others, in some half an hour
# make mutants  set up and count what the tests notice of 400 faults put into the code, one at a time, in some 30 minutes
# make ui     the MLflow UI on the runs so far
# make notebook  open the notebooks in JupyterLab
# make clean  remove everything that these and training made, the runs and the MLflow store included
PYTHON ?= python3
PORT ?= 5000
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
READY := .venv/ready

.PHONY: all test bench mutants lint ui notebook clean

all: $(READY)
	$(if $(IMAGES),echo 'images: $(IMAGES)' > conf/main_job.yaml)
	dvc repro
	@echo
	@echo "Pictures of the descents: runs/*/views/descent.png, and players: runs/*/views/descent.html"
	@echo "All runs side by side:    make ui, which says the addresses to open"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Descent needs Python 3.11 or newer; name one: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

# A process a core, a thread each: threads of several processes would wait for each other. Files in their order, since
# otherwise those with few tests come last, which take longest.
test: $(READY)
	OMP_NUM_THREADS=1 pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

bench: all
	python -m benchmarks

mutants: $(READY)
	OMP_NUM_THREADS=1 python -m mutants

lint: $(READY)
	ruff check .
	ruff format --check .
	mypy

ui: $(READY)
	descent ui --port $(PORT)

notebook: $(READY)
	jupyter lab notebooks

clean:
	rm -rf .venv runs sweeps suites comparisons configs seeds gradients reports notebooks/my_project mlflow.db mlflow.db.lock mlartifacts data/digits data/fashion_mnist data/mnist data/noisy_polynomial/points.* \
		dvc_plots .dvc/cache .dvc/tmp .mypy_cache .mutants .pytest_cache .ruff_cache src/*.egg-info
