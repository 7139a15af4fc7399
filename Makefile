# One command each. Python 3.11 and make are all a fresh machine needs.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: help setup test test-avx2 test-faults test-versions test-window test-newest test-repository coverage lint mutate bench bench-alignment bench-against-pycolmap bench-scene-graph bench-blender bench-job-folder bench-known bench-many-photos bench-meshing bench-surfaces bench-busy-machine demo extension repository clean

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /: /'

setup: .venv/ready  ## the pinned packages into .venv

.venv/ready: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.txt
	touch $@

# A process a core, a file of tests to one process: each process has one Blender, and fixtures of a module are made once.
SPREAD := -n auto --dist loadfile --no-loadscope-reorder

test: setup  ## every test, no network, no GPU
	$(BIN)/python -m pytest $(SPREAD)

coverage: setup  ## every test, and the lines of product code that none executes, to build/coverage
	$(BIN)/python -m pytest $(SPREAD) --cov --cov-report=term:skip-covered --cov-report=html:build/coverage

# What the network's numerics decide, on a CPU whose oneDNN has no AVX-512: half precision is refused there.
NUMERICS := tests/core/networks tests/core/inference/test_forward.py tests/core/runtime/test_probe.py \
	tests/cli/verbs/test_models_runtime.py \
	tests/core/jobs/test_job_cache.py::test_a_shared_cache_stays_with_the_precision_that_its_first_job_settled_on

test-avx2: setup  ## the tests of the network's numerics once more, on a CPU without AVX-512, whatever this one is
	ONEDNN_MAX_CPU_ISA=AVX2 $(BIN)/python -m pytest $(SPREAD) $(NUMERICS)

test-faults: setup .venv-4.2/ready .venv-5.0/ready  ## damaged files, killed processes, full disks, every state of a scene, hundreds of runs (FAULTS_SEED=1: another seed)
	FAULTS=full $(BIN)/python -m pytest tests/faults $(addprefix tests/blender/test_,$(BLENDER_FAULTS))

BLENDER_FAULTS := poisoned_scene.py killed_blender.py every_operator.py while_running.py versions.py soak.py

test-versions: setup .venv-4.2/ready .venv-5.0/ready  ## the Blender tests on the oldest and newest bpy of this Python
	.venv-4.2/bin/python -m pytest tests/blender
	.venv-5.0/bin/python -m pytest tests/blender

# Only bpy is their own; everything else comes from .venv.
.venv-4.2/ready: BPY = 4.2.23
.venv-5.0/ready: BPY = 5.0.1
.venv-%/ready: .venv/ready
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip install --quiet --disable-pip-version-check bpy==$(BPY) numpy==1.26.4
	echo $(CURDIR)/.venv/lib/python3.11/site-packages > .venv-$*/lib/python3.11/site-packages/shared.pth
	touch $@

test-window: setup build/blender-root/ready  ## a tour of the newest Blender's real window (Debian, as root); pictures to build/tour
	rm -rf build/tour
	WINDOW=full $(BIN)/python -m pytest tests/window

NEWEST := opt/tests/site-packages
TESTS ?= tests/core tests/blender
NEWEST_PYTHON = $$(chroot build/blender-root python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')

test-newest: build/blender-root/$(NEWEST)/ready  ## the quick share of the tests in the newest Blender itself (Debian, as root)
	tools/window/inside_root.sh build/blender-root env PYTHONPATH=/$(NEWEST) python3 tools/window/pytest_in_blender.py $(TESTS)

build/blender-root/$(NEWEST)/ready: .venv/ready build/blender-root/ready requirements-newest.txt
	rm -rf $(@D)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --target $(@D) \
		--python-version $(NEWEST_PYTHON) --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 \
		--requirement requirements-newest.txt
	touch $@

TRIAL := build/blender-root/trial

build/blender-root/ready:
	mkdir -p $(@D)
	tools/window/make_blender_root.sh build/blender-root
	touch $@

# The name that the tests and scripts import the checkout by, for the type checker.
build/types/dust3r:
	mkdir -p $(@D) && ln -s ../.. $@

lint: setup build/types/dust3r  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive __init__.py headless.py cli core evaluation farm operators panels training

mutate: setup  ## which small changes to the code no test notices (MUTATE="export --sample 0": one package, all of its mutants)
	$(BIN)/python tools/mutate.py $(MUTATE)

bench: setup  ## inference against pair-by-pair float32, to benchmarks/results/inference.md (BENCH="--device cuda" on a GPU)
	$(BIN)/python benchmarks/inference.py $(BENCH)

bench-alignment: setup  ## the alignment against the published solver, to benchmarks/results/alignment.md (BENCH=--full: half an hour)
	$(BIN)/python benchmarks alignment $(BENCH)

bench-against-pycolmap: setup  ## the bundled model against the classical pipeline, to benchmarks/results/against_pycolmap.md (BENCH=FOLDERS: more sets)
	$(BIN)/python benchmarks against_pycolmap $(BENCH)

bench-scene-graph: setup  ## the scene graph auto against others, to benchmarks/results/scene_graph.md (a quarter of an hour)
	$(BIN)/python benchmarks scene_graph

bench-job-folder: setup  ## what predictions take on disk and in memory, to benchmarks/results/job_folder.md (BENCH=--large: half an hour)
	$(BIN)/python benchmarks/job_folder.py $(BENCH)

bench-known: setup  ## what known poses and lenses buy the other photos, to benchmarks/results/known.md (a few minutes)
	$(BIN)/python benchmarks known

bench-blender: setup  ## ten million points and large photos into Blender, to benchmarks/results/blender_import.md
	$(BIN)/python benchmarks/blender_import.py

bench-meshing: setup  ## seconds and memory of meshes, to benchmarks/results/meshing.md (some minutes)
	$(BIN)/python benchmarks/meshing.py

bench-surfaces: setup  ## depth of the network, the photos and both, to benchmarks/results/surfaces.md (BENCH=FOLDERS: more sets)
	$(BIN)/python benchmarks surfaces $(BENCH)

bench-many-photos: setup  ## seconds and memory of Depth Anything 3 for 2, 8 and 30 photos, to benchmarks/results/many_photos.md
	$(BIN)/python benchmarks/many_photos.py $(BENCH)

bench-busy-machine: setup  ## what other programs on the same cores cost, to benchmarks/results/busy_machine.md (some minutes)
	$(BIN)/python benchmarks/busy_machine.py $(BENCH)

demo: setup  ## real photos, then the studio, to build/demo
	$(BIN)/python tools/demo.py build/demo

extension: setup  ## the installable zip of this platform, to build/extension (MODEL=da3_small: with a model that lies on this machine)
	$(BIN)/python tools/packaging/build_extension.py --model "$(MODEL)"

repository: setup  ## the zips of all platforms and their listing, for any web server, to build/repository
	$(BIN)/python tools/packaging/build_repository.py

test-repository: setup build/blender-root/ready  ## the newest Blender installs from a repository (Debian, as root)
	rm -rf $(TRIAL)-repository && mkdir -p $(TRIAL)-repository/user
	$(BIN)/python tools/packaging/build_repository.py --platform linux-x64 --wheels pure --output $(TRIAL)-repository/offered
	$(BIN)/python tools/packaging/try_repository.py file:///trial-repository/offered/index.json \
		chroot build/blender-root env BLENDER_USER_RESOURCES=/trial-repository/user blender

clean:  ## all that was made, but for .venv
	rm -rf build .pytest_cache .ruff_cache
