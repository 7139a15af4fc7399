// A stand-in for Flamenco Manager: compiles a job type with the objects that its scripts are given, prints the tasks.
// node flamenco_manager.js JOB_TYPE.js '{"setting": value}'

const fs = require("fs");
const vm = require("vm");

const author = {
    Task: (name, type) => {
        if (!name || !type) {
            throw new Error("author.Task(name, type): both are required");
        }
        const task = { name, type, commands: [], dependencies: [] };
        task.addCommand = (command) => task.commands.push(command);
        task.addDependency = (other) => task.dependencies.push(other.name);
        return task;
    },
    Command: (name, parameters) => ({ name, parameters }),
};

const [script, given] = process.argv.slice(2);
const context = vm.createContext({ author, print: () => {} });
vm.runInContext(fs.readFileSync(script, "utf8") + "\nthis.JOB_TYPE = JOB_TYPE;", context);
const settings = {};
for (const setting of context.JOB_TYPE.settings) {
    settings[setting.key] = setting.default;
}
const tasks = [];
const job = { settings: Object.assign(settings, JSON.parse(given)), addTask: (task) => tasks.push(task) };
let error = null;
try {
    context.compileJob(job);
} catch (thrown) {
    error = String(thrown);
}
process.stdout.write(JSON.stringify({ type: context.JOB_TYPE, tasks, error }));
