"""How nbgrader, and Validate in JupyterLab, run the lessons when started in this folder."""

from traitlets.config import get_config

c = get_config()

# a cell may train for a while, or share a slow machine; a loop without end in an answer is ended by `check`, not here
c.Execute.timeout = 600
c.Execute.startup_timeout = 300
c.Execute.iopub_timeout = 300  # 4 seconds are not enough for what a kernel prints on a busy machine

# trainings are short, and grading the answers of others does not touch the progress of whoever grades; not by
# os.environ, which the kernels of learners in the same JupyterLab would inherit
SHORT = "import os; os.environ.update(MMGEN_FAST='1', MMGEN_PROGRESS='')"
c.Execute.extra_arguments = [f"--IPKernelApp.exec_lines={SHORT}"]
