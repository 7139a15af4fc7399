// SPDX-License-Identifier: GPL-3.0-or-later
// A Flamenco job type: photos to a .blend with their points and cameras. How to install it: docs/command_line.md.

const JOB_TYPE = {
    label: "DUSt3R Reconstruction",
    description: "Photos to a point cloud and matching cameras",
    settings: [
        { key: "photos", type: "string", subtype: "dir_path", required: true,
          description: "Folder of the photos, where every worker finds it" },
        { key: "job_folder", type: "string", subtype: "dir_path", required: true,
          description: "New folder for what the workers hand to each other, where every worker finds it" },
        { key: "model", type: "string", subtype: "file_path", required: true,
          description: "Model folder or checkpoint file, where every worker finds it" },
        { key: "output", type: "string", subtype: "file_path", required: true,
          description: "The .blend file to write" },
        { key: "scene_graph", type: "string", default: "auto",
          description: "Which photos meet: auto, complete, swin-W, logwin-W or oneref-ID" },
        { key: "known", type: "string", subtype: "file_path", default: "",
          description: "Known cameras: a cameras.json, where the worker that plans finds it" },
        { key: "masks", type: "string", subtype: "dir_path", default: "",
          description: "Folder of masks named as the photos, black where they are to be left out" },
        { key: "shards", type: "int32", default: 4, propargs: { min: 1, max: 1000 },
          description: "Parts that the forward passes are split into: as many as there are workers, or a few times more" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    if (!settings.output.endsWith(".blend")) {
        throw `The output is a Blender scene, so ${settings.output} must end in .blend`;
    }
    if (settings.shards < 1) {
        throw `The work cannot be split into ${settings.shards} parts; give 1 or more`;
    }
    const folder = settings.job_folder;
    const given = ["known", "masks"].filter((name) => settings[name]).flatMap((name) => [`--${name}`, settings[name]]);
    const plan = addTask(job, "plan", [], [
        "plan", settings.photos, "--job", folder, "--model", settings.model, "--scene-graph", settings.scene_graph,
        ...given,
    ]);
    const parts = [];
    for (let number = 1; number <= settings.shards; number++) {
        const shard = `${number}/${settings.shards}`;
        parts.push(addTask(job, `infer ${shard}`, [plan], ["infer", folder, "--shard", shard]));
    }
    const align = addTask(job, "align", parts, ["align", folder]);
    // A task that is queued again writes its file again.
    addTask(job, "import", [align], ["import", folder, "--output", settings.output, "--overwrite"]);
}

// One task: the extension's command line, run by the worker's Blender after the tasks it needs.
function addTask(job, name, needed, args) {
    const task = author.Task(name, "blender");
    task.addCommand(author.Command("exec", {
        exe: "{blender}",
        args: ["--command", "dust3r"].concat(args, ["--quiet"]),
    }));
    for (const other of needed) {
        task.addDependency(other);
    }
    job.addTask(task);
    return task;
}
