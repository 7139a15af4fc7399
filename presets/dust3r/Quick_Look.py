import bpy

settings = bpy.context.scene.dust3r
settings.scene_graph = "auto"
settings.window = 3
settings.reference = 0
settings.min_confidence = 0.0
settings.iterations = 50
settings.schedule = "cosine"
settings.shared_focal = "off"
settings.exif_focal = True
settings.optimize_principal_point = False
settings.ground = "auto"
settings.cameras = "auto"
settings.lens_distortion = True
settings.surfaces = "auto"
settings.surface_resolution = 512
settings.seed = 0
